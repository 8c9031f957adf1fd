use Rack::ETag
run Answers.new
