# A plain Rack app.
run lambda { |env|
  headers = { "content-type" => "text/plain" }
  headers["cache-control"] = "max-age=60" if env["PATH_INFO"] == "/cached"
  [200, headers, ["rack #{env["PATH_INFO"]} #{Process.clock_gettime(Process::CLOCK_MONOTONIC)}\n"]]
}
