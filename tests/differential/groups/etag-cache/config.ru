use Rack::ETag, "no-cache", "public"
run Answers.new
