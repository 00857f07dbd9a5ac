-- Shows the client its own certificate: as a page, and at /whoami as JSON.
-- A client can put any text into its certificate, so all text is escaped for HTML or JSON.

require "apache2"

local REPLACEMENT = "\u{FFFD}"
local HTML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }
local MONTHS = {}
for number, name in ipairs { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" } do
  MONTHS[name] = number
end

-- Characters that are invisible or change the display of others: controls, unusual spaces, and those that change the
-- direction of text.
local function invisible(code)
  return code < 0x20 or (code >= 0x7F and code <= 0xA0) or code == 0xAD or code == 0x061C or code == 0x1680
    or (code >= 0x2000 and code <= 0x200F) or (code >= 0x2028 and code <= 0x202F) or (code >= 0x205F and code <= 0x206F)
    or code == 0x3000 or code == 0xFEFF or (code >= 0xE0000 and code <= 0xE007F)
end

-- Bytes that are not UTF-8 become U+FFFD, so that HTML and JSON are always well-formed.
local function valid(text)
  local out, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    if not bad then break end
    out[#out + 1] = text:sub(at, bad - 1) .. REPLACEMENT
    at = bad + 1
  end
  return table.concat(out) .. text:sub(at)
end

local function html(text)
  local shown = valid(text):gsub(utf8.charpattern, function(character)
    local code = utf8.codepoint(character)
    if invisible(code) then return ("<span>U+%04X</span>"):format(code) end
    return HTML[character]
  end)
  return shown
end

-- More than RFC 8259 section 7 requires: markup and invisible characters are escaped, so that the text can be pasted
-- anywhere.
local function json(text)
  local escaped = valid(text):gsub(utf8.charpattern, function(character)
    local code = utf8.codepoint(character)
    if code > 0xFFFF and invisible(code) then
      return ("\\u%04x\\u%04x"):format(0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF))
    end
    if invisible(code) or character:find('["\\<>&]') then return ("\\u%04x"):format(code) end
  end)
  return '"' .. escaped .. '"'
end

-- OpenSSL's "Nov  3 18:00:00 2026 GMT" in the form of RFC 3339.
local function moment(text)
  local month, day, time, year = text:match("^(%a+) +(%d+) ([%d:]+) (%d+) GMT$")
  return month and ("%s-%02d-%02dT%sZ"):format(year, MONTHS[month], day, time) or text
end

local function visitor(r)
  local function value(variable)
    return r:ssl_var_lookup(variable) or ""
  end
  return {
    { "subject", "Subject", value "SSL_CLIENT_S_DN" },
    { "issuer", "Issuer", value "SSL_CLIENT_I_DN" },
    { "serial", "Serial number", value "SSL_CLIENT_M_SERIAL" },
    { "not_before", "Valid from", moment(value "SSL_CLIENT_V_START") },
    { "not_after", "Valid until", moment(value "SSL_CLIENT_V_END") },
    { "verified", "Verification", value "SSL_CLIENT_VERIFY" },
    { "protocol", "Protocol", value "SSL_PROTOCOL" },
    { "cipher", "Cipher", value "SSL_CIPHER" },
  }
end

-- The common name, else an email address or a DNS name.
local function name(r)
  for _, variable in ipairs { "SSL_CLIENT_S_DN_CN", "SSL_CLIENT_SAN_Email_0", "SSL_CLIENT_SAN_DNS_0" } do
    local found = r:ssl_var_lookup(variable)
    if found and found ~= "" then return found end
  end
  return "a client without a name"
end

function whoami(r)
  r.content_type = "application/json"
  local members = {}
  for _, field in ipairs(visitor(r)) do
    members[#members + 1] = json(field[1]) .. ": " .. json(field[3])
  end
  r:write("{" .. table.concat(members, ", ") .. "}\n")
  return apache2.OK
end

local PAGE = [[
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>You are known here</title>
<link rel="stylesheet" href="/identity.css">
<main>
<p class="seal">Certificate verified</p>
<h1>You are <bdi>%s</bdi></h1>
<p>Your certificate was verified before a single byte of this page was sent.</p>
<dl>
%s</dl>
<p><a href="/whoami">The same as JSON</a></p>
</main>
</html>
]]

function page(r)
  r.content_type = "text/html; charset=utf-8"
  local rows = {}
  for _, field in ipairs(visitor(r)) do
    rows[#rows + 1] = ("<div><dt>%s</dt><dd><bdi>%s</bdi></dd></div>\n"):format(field[2], html(field[3]))
  end
  r:write(PAGE:format(html(name(r)), table.concat(rows)))
  return apache2.OK
end
