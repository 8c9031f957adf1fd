map("/default") { use Rack::ContentType; run Answers.new }
map("/plain") { use Rack::ContentType, "text/plain; charset=utf-8"; run Answers.new }
