export { checkLayers } from './lib/main.ts'
export { findProblems, type Problem, type Rule } from './lib/rules.ts'
export { type Package, readWorkspace } from './lib/workspace.ts'
