# What the plugin `answers` is here: an app that answers as the query says.

require "uri"

class Answers
  # A body whose length is known to nobody.
  class Stream
    def initialize(chunks)
      @chunks = chunks
    end

    def each(&block)
      @chunks.each(&block)
    end
  end

  def call(env)
    pairs = URI.decode_www_form(env["QUERY_STRING"])
    first = pairs.reverse.to_h
    raise first["fail"] if first["fail"]
    [(first["status"] || 200).to_i, headers(all(pairs, "header")), body(env, pairs, first)]
  end

  private

  def all(pairs, key)
    pairs.select { |name, _| name == key }.map(&:last)
  end

  def headers(fields)
    fields.each_with_object({}) do |field, headers|
      name, value = field.split(":", 2)
      headers[name] = [headers[name], value].compact.join("\n")
    end
  end

  def body(env, pairs, first)
    return Stream.new(all(pairs, "stream")) if first["stream"]
    return values(env, all(pairs, "env")) if first["env"]
    return ["x" * first["bytes"].to_i] if first["bytes"]
    text = first["body"].to_s
    text.empty? ? [] : [text]
  end

  def values(env, names)
    lines = names.map { |name| "#{name}=#{env[name] || "-"}\n" }
    [lines.join + env["rack.input"].read.to_s]
  end
end
