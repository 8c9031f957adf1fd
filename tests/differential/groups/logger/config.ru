use Rack::CommonLogger, Log.new("logger")
use Rack::ContentLength
map("/map") { run Answers.new }
run Answers.new
