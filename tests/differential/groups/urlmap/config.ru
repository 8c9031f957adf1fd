use Rack::ContentType, "text/plain"
named = lambda { |name| lambda { |env| env["app"] = name; Answers.new.call(env) } }
map("/foo") { run named["foo"] }
map("/foo/bar") { run named["foobar"] }
map("/foo/quux") { run named["quux"] }
map("/caf%C3%A9") { run named["cafe"] }
map("/nested") do
  map("/inner") { run named["inner"] }
  map("/deep/er") { run named["deeper"] }
end
map("http://foo.org/bar") { run named["foo.org"] }
map("http://foo.org/") { run named["foo.org root"] }
map("http://sub.foo.org/") { run named["sub.foo.org"] }
map("http://port.org:8080/") { run named["port"] }
