use(Rack::Auth::Basic, "Shelf") { |name, password| ["ann", ""].include?(name) && password == "ses:ame" }
run Answers.new
