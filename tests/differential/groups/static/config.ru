files = File.join(SITE, "files")
map("/list") { use Rack::Static, urls: ["/sub", "/hello.txt"], root: files; run Answers.new }
map("/table") { use Rack::Static, urls: { "/" => "page.html", "/start" => "/hello.txt" }, root: files; run Answers.new }
map("/index") { use Rack::Static, urls: [""], root: files, index: "index.html"; run Answers.new }
map("/cascade") { use Rack::Static, urls: ["/sub", "/hello.txt"], root: files, cascade: true; run Answers.new }
map("/gzip") { use Rack::Static, urls: ["/packed.txt", "/hello.txt"], root: files, gzip: true; run Answers.new }
map("/rules") do
  use Rack::Static, urls: [""], root: files, header_rules: [
    [:all, { "Cache-Control" => "max-age=1" }],
    [["css", "js"], { "Cache-Control" => "max-age=2" }],
    [:fonts, { "Access-Control-Allow-Origin" => "*" }],
    ["/sub", { "X-Sub" => "1" }],
    [/\A\/he/, { "X-Regex" => "1" }]
  ]
  run Answers.new
end
