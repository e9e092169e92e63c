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

Schemes that duplicity then has
  mf://Folder/Path                        MEDIAFIRE_EMAIL and MEDIAFIRE_PASSWORD
  mf://me%40example.com@mediafire.com/Path  BACKEND_PASSWORD or FTP_PASSWORD
  coalmine+mf://…, coalmine+file://…      the same, and a folder, each put read back and compared

  --help, --version
`
