use Rack::Session::Cookie, secret: "a secret of the tests, of 32 bytes or more", same_site: :lax
run(lambda do |env|
  session = env["rack.session"]
  visits = session["visits"].to_i + 1
  env["PATH_INFO"] == "/leave" ? session.clear : session["visits"] = visits
  [200, { "Content-Type" => "text/plain; charset=utf-8" }, ["visit #{visits}\n"]]
end)
