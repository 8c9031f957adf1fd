use Rack::MethodOverride
run Answers.new
