import type { Fields } from '../answer.ts'
import { apiVersionOf } from '../envelope.ts'
import type { Call, Methods } from '../world.ts'
import { terms } from './user.ts'

/** The calls of `system/`. Nobody needs a token for them. */
export const systemCalls: Methods = {
  get_info: { access: 'public', run: getInfo },
  get_limits: { access: 'public', run: () => ({ limits }) },
  get_status: { access: 'public', run: () => ({ database: '1', memcache: '1', redis: '1' }) },
  get_version: {
    access: 'public',
    run: (call) => ({ current_api_version: apiVersionOf(call.world.settings.profile) }),
  },
  get_supported_media: { access: 'public', run: () => ({ viewable: { extensions } }) },
  get_editable_media: { access: 'public', run: () => ({ editable: { extensions: ['txt'] } }) },
  get_mime_types: {
    access: 'public',
    run: () => ({
      mime_types: [
        { mimetype: 'text/plain', extension: 'txt', type: 'text', view: '1', edit: '1' },
        { mimetype: 'application/octet-stream', extension: 'gpg', type: 'unknown', view: '0', edit: '0' },
      ],
    }),
  },
}

const extensions = ['jpg', 'png', 'gif', 'pdf', 'txt']

const limits = {
  max_objects: '6000',
  max_keys: '500',
  max_image_size: '26214400',
  zip_max_filesize: '314572800',
  zip_max_total_filesize: '2147483647',
  folder_content_chunk_size: '100',
  folder_depth_limit: '130',
  limit_search_results: '100',
  daily_shares_limit: '100',
  device_changes_list_limit: '500',
  total_folder_items_limit: '100',
}

function getInfo(call: Call): Fields {
  return {
    current_api_version: apiVersionOf(call.world.settings.profile),
    timezone: 'America/Chicago',
    timezone_offset: '-6',
    viewable: { extensions },
    editable: { extensions: ['txt'] },
    image_sizes: [{ width: '107', height: '80', thumbnail: 'yes' }],
    terms_of_service: terms,
    privacy_policy: { revision: '1', date: '2012-01-01' },
    max_keys: limits.max_keys,
    max_objects: limits.max_objects,
    max_image_size: limits.max_image_size,
  }
}
