files = Rack::Files.new(File.join(SITE, "files"))
map("/files") { run Rack::Cascade.new([files, Answers.new]) }
map("/catch") { run Rack::Cascade.new([Answers.new, files], [503]) }
