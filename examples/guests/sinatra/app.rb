# A Sinatra app.
require "sinatra/base"

class App < Sinatra::Base
  get "/cached" do
    cache_control max_age: 60
    "sinatra #{request.path_info} #{Process.clock_gettime(Process::CLOCK_MONOTONIC)}\n"
  end

  get "/*" do
    "sinatra #{request.path_info}\n"
  end
end
