use Rack::Deflater
run Answers.new
