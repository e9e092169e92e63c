import type { Fields } from './fields.ts'

export interface Permissions {
  /** 1 read, 2 read and write, 4 manage. */
  readonly value?: number
  readonly explicit?: boolean
  readonly read?: boolean
  readonly write?: boolean
}

interface Item {
  readonly name: string
  readonly description?: string
  readonly created?: Date
  readonly isPrivate?: boolean
  readonly revision?: number
  readonly flag?: number
  /** Left out by the service for what lies in the root folder, in some versions. */
  readonly parentKey?: string
  /** When it was moved to the trash, where the service says so. */
  readonly deletedAt?: Date
  readonly ownerName?: string
  readonly shared?: boolean
  readonly sharedByUser?: boolean
  readonly permissions: Permissions
}

export interface FileInfo extends Item {
  /** The quick key. */
  readonly key: string
  /** In bytes. */
  readonly size?: number
  /** 64 hexadecimal digits. */
  readonly sha256?: string
  /** 32 hexadecimal digits: very old files have this hash only. */
  readonly md5?: string
  /** `false` while the service still puts the file together. */
  readonly ready?: boolean
  readonly passwordProtected?: boolean
  readonly mimeType?: string
  readonly fileType?: string
  readonly downloads?: number
  readonly views?: number
  /** How the website can show and edit it (facts: 3.9). */
  readonly view?: number
  readonly edit?: number
  readonly links: FileLinks
}

export interface FolderInfo extends Item {
  readonly key: string
  readonly fileCount?: number
  readonly folderCount?: number
  readonly filedropEnabled?: boolean
  readonly customUrl?: string
  readonly tags?: string
  /** With details only, as the three below: in bytes. */
  readonly size?: number
  readonly totalSize?: number
  readonly totalFiles?: number
  readonly totalFolders?: number
}

/** Addresses of a file. Those for a single download are in `oneTime`. */
export interface FileLinks {
  readonly view?: string
  readonly edit?: string
  readonly normalDownload?: string
  readonly directDownload?: string
  readonly watch?: string
  readonly listen?: string
  readonly streaming?: string
  readonly read?: string
  readonly oneTime: {
    readonly download?: string
    readonly view?: string
    readonly watch?: string
    readonly listen?: string
  }
}

export function fileInfo(fields: Fields, parentKey?: string): FileInfo {
  const hash = fields.someText('hash')?.toLowerCase()
  return {
    ...item(fields, parentKey),
    key: fields.requiredText('quickkey', 'quick_key'),
    name: fields.text('filename', 'name') ?? '',
    size: fields.count('size'),
    sha256: hash !== undefined && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined,
    md5: hash !== undefined && /^[0-9a-f]{32}$/.test(hash) ? hash : undefined,
    ready: fields.flag('ready'),
    passwordProtected: fields.flag('password_protected'),
    mimeType: fields.someText('mimetype'),
    fileType: fields.someText('filetype'),
    downloads: fields.count('downloads'),
    views: fields.count('views'),
    view: fields.number('view'),
    edit: fields.number('edit'),
    links: fileLinks(fields.fields('links')),
  }
}

export function folderInfo(fields: Fields, parentKey?: string): FolderInfo {
  return {
    ...item(fields, parentKey),
    key: fields.requiredText('folderkey', 'folder_key'),
    name: fields.text('name', 'foldername') ?? '',
    fileCount: fields.count('file_count'),
    folderCount: fields.count('folder_count'),
    filedropEnabled: fields.flag('dropbox_enabled'),
    customUrl: fields.someText('custom_url'),
    tags: fields.someText('tags'),
    size: fields.count('size'),
    totalSize: fields.count('total_size'),
    totalFiles: fields.count('total_files'),
    totalFolders: fields.count('total_folders'),
  }
}

export function fileLinks(fields: Fields): FileLinks {
  const oneTime = fields.fields('one_time')
  return {
    view: fields.someText('view'),
    edit: fields.someText('edit'),
    normalDownload: fields.someText('normal_download'),
    directDownload: fields.someText('direct_download'),
    watch: fields.someText('watch'),
    listen: fields.someText('listen'),
    streaming: fields.someText('streaming'),
    read: fields.someText('read'),
    oneTime: {
      download: oneTime.someText('download') ?? fields.someText('one_time_download'),
      view: oneTime.someText('view'),
      watch: oneTime.someText('watch'),
      listen: oneTime.someText('listen'),
    },
  }
}

function item(fields: Fields, parentKey: string | undefined): Omit<Item, 'name'> {
  const permissions = fields.fields('permissions')
  const privacy = fields.someText('privacy')?.toLowerCase()
  return {
    description: fields.someText('description'),
    created: fields.date('created'),
    isPrivate: privacy === undefined ? undefined : privacy === 'private',
    revision: fields.count('revision'),
    flag: fields.number('flag'),
    parentKey: fields.someText('parent_folderkey', 'parent_folder_key') ?? parentKey,
    deletedAt: fields.date('delete_date'),
    ownerName: fields.someText('owner_name'),
    shared: fields.flag('shared'),
    sharedByUser: fields.flag('shared_by_user'),
    permissions: {
      value: permissions.number('value'),
      explicit: permissions.flag('explicit'),
      read: permissions.flag('read'),
      write: permissions.flag('write'),
    },
  }
}

/** What a change made of the account. */
export interface Changed {
  /** The account's revision after it. */
  readonly deviceRevision?: number
  /** It goes on on the service's side; see `api.device.waitForJobs()`. */
  readonly asynchronous: boolean
}

export function changed(fields: Fields): Changed {
  return {
    deviceRevision: fields.count('new_device_revision', 'device_revision'),
    asynchronous: fields.flag('asynchronous') ?? false,
  }
}
