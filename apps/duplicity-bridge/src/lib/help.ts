/** What `--help` shows. */
export const helpText = `duplicity-bridge: a stock duplicity on Coalmine's storages

  duplicity-bridge run -- duplicity full ~/Documents mf://Backup
      Runs duplicity, or a script that starts it, with our schemes; installs nothing
  duplicity-bridge install [--system] [--duplicity PATH] [--python PATH]
      Makes plain duplicity know our schemes: for you, with --system for everybody, in an environment of pipx there
  duplicity-bridge uninstall [--system] …, duplicity-bridge status …
  duplicity-bridge doctor [URL] …
      Versions, paths, what is behind mf://; with a URL: signs in, and puts, gets and deletes a small object
  duplicity-bridge rpc [--storage URL]
      Calls of a storage as JSON-RPC on standard input and output, for programs in any language
  duplicity-bridge serve webdav --storage URL [--listen 127.0.0.1:PORT] [--token-file FILE]
      A storage by WebDAV for programs of this machine: webdav://any:TOKEN@127.0.0.1:PORT/ for duplicity. The token is in
      DUPLICITY_BRIDGE_TOKEN or the file; without either it is made up and told

Schemes that duplicity then has
  mf://Folder/Path                        MEDIAFIRE_EMAIL and MEDIAFIRE_PASSWORD
  mf://me%40example.com@mediafire.com/Path  BACKEND_PASSWORD or FTP_PASSWORD
  coalmine+mf://…, coalmine+file://…      the same, and a folder, each put read back and compared

  --help, --version
`
