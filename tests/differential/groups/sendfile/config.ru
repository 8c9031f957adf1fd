files = Rack::Files.new(File.join(SITE, "files"))
map("/sendfile") { use Rack::Sendfile, "X-Sendfile"; run files }
map("/lighttpd") { use Rack::Sendfile, "X-Lighttpd-Send-File"; run files }
map("/accel") { use Rack::Sendfile, "X-Accel-Redirect", [[File.join(SITE, "files"), "/internal"]]; run files }
map("/app") { use Rack::Sendfile, "X-Sendfile"; run Answers.new }
