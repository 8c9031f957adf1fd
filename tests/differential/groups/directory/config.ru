map("/list") { run Rack::Directory.new(File.join(SITE, "files")) }
