"""Uses the Python SDK (mediafire-python-open-sdk 0.6.0, found on PYTHONPATH) for everything it can do."""
import io
import os
import sys

import mediafire.api
import mediafire.uploader
from mediafire.client import MediaFireClient, File, Folder, ResourceNotFoundError

mediafire.api.API_BASE = os.environ['MF_BASE']
# Only the waiting: the clock of the emulator goes on with each call.
mediafire.uploader.UPLOAD_POLL_INTERVAL = 0

client = MediaFireClient()
client.login(email=os.environ['MF_EMAIL'], password=os.environ['MF_PASSWORD'], app_id='42511')
assert client.api.user_get_info()['user_info']['display_name'] == 'Recorded'
assert 'storage_limit' in str(client.api.user_get_limits()) and client.api.user_get_settings()
assert client.api.system_get_info() and client.api.system_get_status()
tos = client.api.user_fetch_tos()['terms_of_service']
client.api.user_accept_tos(tos['acceptance_token'])

client.create_folder('mf:///Some/d\u00efr & more', recursive=True)
folder = 'mf:///Some/d\u00efr & more/'
small = b'hello, world\n' * 3
large = (b'coalmine ' * 500000)[:4 * 2 ** 20 + 19]
try:
    with client.upload_session():
        client.upload_file(io.BytesIO(small), folder + 'small + 100 per cent.txt')
        if sys.argv[1:] != ['modern']:
            client.upload_file(io.BytesIO(b''), folder + 'empty')
            client.upload_file(io.BytesIO(large), folder + 'large.bin')
            # The same content is not sent again, another one replaces.
            client.upload_file(io.BytesIO(large), folder + 'twin.bin')
            client.upload_file(io.BytesIO(b'new'), folder + 'twin.bin')
            client.upload_file(io.BytesIO(b'new'), folder + 'twin.bin')
except mediafire.uploader.UploadError:
    assert sys.argv[1:] == ['modern']
    sys.exit(0)

for name, content in [('small + 100 per cent.txt', small), ('empty', b''), ('large.bin', large), ('twin.bin', b'new')]:
    got = io.BytesIO()
    client.download_file(folder + name, got)
    assert got.getvalue() == content, name
names = sorted(item['filename'] for item in client.get_folder_contents_iter(folder) if isinstance(item, File))
assert names == ['empty', 'large.bin', 'small + 100 per cent.txt', 'twin.bin'], names
client.update_file_metadata(folder + 'small + 100 per cent.txt', filename='s\u00fc\u00df.txt', privacy='private',
                            description='a & b', mtime='2015-02-03T23:27:32Z')
client.update_folder_metadata('mf:///Some', foldername='Other', privacy='private', privacy_recursive=True)
folder = 'mf:///Other/d\u00efr & more/'
assert client.get_resource_by_uri(folder + 's\u00fc\u00df.txt')['privacy'] == 'private'
client.delete_file(folder + 's\u00fc\u00df.txt')
client.delete_file(folder + 'twin.bin', purge=True)
try:
    client.get_resource_by_uri(folder + 'twin.bin')
    sys.exit('found what was purged')
except ResourceNotFoundError:
    pass
client.delete_folder('mf:///Other', purge=True)
assert [item for item in client.get_folder_contents_iter('mf:///') if isinstance(item, Folder)] == []
