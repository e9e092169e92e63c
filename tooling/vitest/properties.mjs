import * as fc from 'fast-check'

// A property that is not through in this time ends with what it has tried: the short run looks at everything, the long run at each
// as often as it says.
const mostMs = 1500

if (!process.env['COALMINE_LONG']) {
  fc.configureGlobal({ ...fc.readConfigureGlobal(), interruptAfterTimeLimit: mostMs, markInterruptAsFailure: false })
}
