map("/plain") { use Rack::Runtime; run Answers.new }
map("/named") { use Rack::Runtime, "App"; run Answers.new }
map("/twice") { use Rack::Runtime; use Rack::Runtime, "Inner"; use Rack::Runtime; run Answers.new }
