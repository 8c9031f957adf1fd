use Rack::Head
run Answers.new
