import { serve } from '@coalmine/filetree/worker'
import { createSelector } from './selector.ts'

serve(createSelector)
