#!/usr/bin/env bash
# nginx: a HEAD with `Range` gets 206, with the length of the part.
#
# One would expect 200 and the length of the file: RFC 9110 §14.2 defines ranges for GET only, and a server ignores the
# header for other methods. A client that asks by HEAD how long a file is, with headers meant for the GET after it, gets the
# length of the part as `Content-Length`. And a client that also accepts gzip gets no range at all, but the whole file as 200.
set -euo pipefail
nginx=1.22.1-9+deb12u11
work=$(mktemp -d); server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$work"' EXIT; cd "$work"

apt-get download -qq nginx="$nginx"
dpkg-deb -x nginx_*.deb nginx
mkdir www tmp
head -c 3000 /dev/zero | tr '\0' a >www/a.txt
touch -d 2020-01-01T00:00:00Z www/a.txt
chmod -R a+rX .
cat >nginx.conf <<CONF
daemon off; pid $work/pid; error_log stderr; worker_processes 1;
events {}
http {
  access_log off; types { text/plain txt; }
  gzip on; gzip_types text/plain; gzip_min_length 1;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server { listen unix:$work/socket; root $work/www; }
}
CONF
nginx/usr/sbin/nginx -p "$work" -c nginx.conf &
server=$!
until [ -S socket ]; do sleep 0.05; done
head_of() { curl -s -o /dev/null -D - --unix-socket socket "$@" http://test/a.txt | tr -d '\r'; }

head=$(head_of --head -H "range: bytes=0-2")
gzip=$(head_of -H "range: bytes=0-2" -H "accept-encoding: gzip")
nginx/usr/sbin/nginx -v
echo "HEAD with a range:"; echo "$head" | grep -E "^(HTTP|Content-(Length|Range))"
echo "GET with a range, gzip accepted:"; echo "$gzip" | grep -E "^(HTTP|Content-(Encoding|Range))"
[[ $head == *" 206 "*"Content-Length: 3"* && $gzip == *" 200 "* && $gzip != *Content-Range* ]]
