map("/files") { run Rack::Files.new(File.join(SITE, "files")) }
map("/headers") do
  run Rack::Files.new(File.join(SITE, "files"), { "Cache-Control" => "max-age=60" }, "application/x-other")
end
