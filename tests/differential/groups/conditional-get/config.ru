use Rack::ConditionalGet
run Answers.new
