import { serve } from '../src/worker.ts'
import { createSelector } from './selector.ts'

serve(createSelector)
