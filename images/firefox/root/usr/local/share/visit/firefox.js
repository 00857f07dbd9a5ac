// Nothing but the visit: no welcome page, no reports, no other connection.
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.startup.page", 0);
user_pref("browser.sessionstore.resume_from_crash", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
// As large as Chromium: the dialog must be readable in a picture.
user_pref("layout.css.devPixelsPerPx", "1.5");
// TLS 1.2: after a refusal over TLS 1.3 without a certificate, Firefox 153 shows an empty tab and no reason.
user_pref("security.tls.version.max", 3);
