#!/usr/bin/env bash
# nginx: an `If-Modified-Since` later than the file's time gets 200, not 304.
#
# One would expect a 304 for a file that has not been modified since, as RFC 9110 §13.1.3 has it. But the default of
# `if_modified_since` is `exact`: only the very date of `Last-Modified` is a match. A client that sends the time of
# its last visit, as the RFC allows, gets the whole file each time. `if_modified_since before` is the behaviour of the RFC.
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
  
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server { listen unix:$work/socket; root $work/www; }
}
CONF
nginx/usr/sbin/nginx -p "$work" -c nginx.conf &
server=$!
until [ -S socket ]; do sleep 0.05; done
head_of() { curl -s -o /dev/null -D - --unix-socket socket "$@" http://test/a.txt | tr -d '\r'; }

same=$(head_of -H "if-modified-since: Wed, 01 Jan 2020 00:00:00 GMT" | head -1)
later=$(head_of -H "if-modified-since: Thu, 02 Jan 2020 00:00:00 GMT" | head -1)
nginx/usr/sbin/nginx -v
echo "file of 1 January 2020; its own date:  $same"
echo "one day later:                         $later"
[[ $same == *" 304 "* && $later == *" 200 "* ]]
