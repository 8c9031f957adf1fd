# Serves each group's config.ru on a port of its own, in one process: `ruby serve.rb SITE GROUP…`, where a
# GROUP is a folder. Says on stdout `port GROUP NUMBER`, then `log GROUP LINE` for what is logged.
# Ends when its stdin does.

require "rack"
require "puma"
require "puma/server"
require_relative "answers"

SITE = ARGV.shift
$stdout.sync = true

# Where a config.ru sends its log.
class Log
  def initialize(group)
    @group = group
  end

  def write(line)
    $stdout.write("log #{@group} #{line}")
  end
end

ARGV.each do |folder|
  group = File.basename(folder)
  # Rack 2 returns options beside it.
  app, = Rack::Builder.parse_file(File.join(folder, "config.ru"))
  server = Puma::Server.new(app)
  port = server.add_tcp_listener("127.0.0.1", 0).addr[1]
  server.run
  puts "port #{group} #{port}"
end

$stdin.read
exit!
