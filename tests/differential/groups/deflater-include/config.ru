use Rack::Deflater, include: ["text/plain", "application/json"]
run Answers.new
