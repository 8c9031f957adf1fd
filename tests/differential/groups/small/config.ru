map("/config") { use(Rack::Config) { |env| env["app.name"] = "shop" }; run Answers.new }
map("/lock") { use Rack::Lock; run Answers.new }
map("/null-logger") { use Rack::NullLogger; run Answers.new }
