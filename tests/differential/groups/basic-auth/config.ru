use(Rack::Auth::Basic, "Shelf") { |name, password| name == "ann" && password == "ses:ame" }
run Answers.new
