/**
 * Says each failed test at once, in one line: a run that is ended early, or whose output is cut, has named what failed
 * until then.
 */
export default class Failures {
  onTestCaseResult(test) {
    const { state, errors } = test.result()
    if (state === 'failed') tell(test.module, ` > ${test.fullName}`, errors)
  }

  onTestModuleEnd(module) {
    if (module.errors().length > 0) tell(module, '', module.errors())
  }

  onTestSuiteResult(suite) {
    if (suite.errors().length > 0) tell(suite.module, ` > ${suite.fullName}`, suite.errors())
  }
}

function tell(module, what, errors) {
  const [first = ''] = (errors[0]?.message ?? '').split('\n')
  console.log(`\nFAILED ${module.relativeModuleId}${what}: ${first.slice(0, 300)}`)
}
