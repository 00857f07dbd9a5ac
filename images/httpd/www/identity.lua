-- Tells the visitor who he is: as a page, and at /whoami as JSON.
-- The certificate's text comes from its owner, so whatever is shown is escaped for the place where it stands.

require "apache2"

local FIELDS = {
  { "subject", "Subject", "SSL_CLIENT_S_DN" },
  { "issuer", "Issuer", "SSL_CLIENT_I_DN" },
  { "serial", "Serial number", "SSL_CLIENT_M_SERIAL" },
  { "not_before", "Valid from", "SSL_CLIENT_V_START" },
  { "not_after", "Valid until", "SSL_CLIENT_V_END" },
  { "verified", "Verified", "SSL_CLIENT_VERIFY" },
  { "protocol", "Protocol", "SSL_PROTOCOL" },
  { "cipher", "Cipher", "SSL_CIPHER" },
}

-- Bytes that are no UTF-8 become U+FFFD, so that neither HTML nor JSON is ever malformed.
local function utf8_only(text)
  if utf8.len(text) then return text end
  local out, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    if not bad then
      out[#out + 1] = text:sub(at)
      break
    end
    out[#out + 1] = text:sub(at, bad - 1) .. "\u{FFFD}"
    at = bad + 1
  end
  return table.concat(out)
end

local HTML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function html(text)
  return (utf8_only(text):gsub("[&<>\"']", HTML):gsub("%c", function(c) return ("\\%02X"):format(c:byte()) end))
end

local function json(text)
  return '"' .. utf8_only(text):gsub('[%c"\\<>&]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function value(r, variable)
  return r:ssl_var_lookup(variable) or ""
end

function whoami(r)
  r.content_type = "application/json"
  local lines = {}
  for _, field in ipairs(FIELDS) do
    lines[#lines + 1] = json(field[1]) .. ": " .. json(value(r, field[3]))
  end
  r:write("{" .. table.concat(lines, ", ") .. "}\n")
  return apache2.OK
end

function page(r)
  r.content_type = "text/html; charset=utf-8"
  r:write('<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n')
  r:write('<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>You are known here</title>\n')
  r:write('<link rel="stylesheet" href="/identity.css">\n<main>\n<h1>You are known here</h1>\n')
  r:write("<p>Your certificate was verified before a single byte of this page was sent.</p>\n<dl>\n")
  for _, field in ipairs(FIELDS) do
    r:write("<div><dt>" .. field[2] .. "</dt><dd><bdi>" .. html(value(r, field[3])) .. "</bdi></dd></div>\n")
  end
  r:write('</dl>\n<p><a href="/whoami">The same as JSON</a></p>\n</main>\n</html>\n')
  return apache2.OK
end
