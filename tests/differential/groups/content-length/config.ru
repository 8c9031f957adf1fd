use Rack::ContentLength
run Answers.new
