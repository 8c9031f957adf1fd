use Rack::ShowStatus
run Answers.new
