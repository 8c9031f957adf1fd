use Rack::ShowExceptions
run Answers.new
