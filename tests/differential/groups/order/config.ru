map("/usual") { use Rack::Deflater; use Rack::Head; use Rack::ConditionalGet; use Rack::ETag; use Rack::ContentLength; use Rack::ContentType, "text/plain"; run Answers.new }
map("/tag-outside") { use Rack::ETag; use Rack::ConditionalGet; run Answers.new }
map("/head-inside") { use Rack::ContentLength; use Rack::ETag; use Rack::Head; run Answers.new }
map("/length-outside-status") { use Rack::ContentLength; use Rack::ShowStatus; run Answers.new }
map("/override-outside") { use Rack::MethodOverride; use Rack::Head; use Rack::ETag; run Answers.new }
map("/files") { use Rack::ConditionalGet; use Rack::ETag; use Rack::Deflater; run Rack::Files.new(File.join(SITE, "files")) }
map("/runtime") { use Rack::Runtime; use Rack::Deflater; use Rack::ETag; use Rack::Lock; run Answers.new }
