import type { Logger } from 'pino';
import { AccountFull, FileTooLarge } from '../../store/file-draft.ts';
import { FolderFailure } from '../../store/file-folder.ts';
import { ApiError } from '../api-error.ts';

/** What a client is told of a file that could not be kept; what has other reasons stays as it is. */
export function refusalOf(error: unknown, logger: Logger): unknown {
  if (error instanceof FileTooLarge) return fileTooLarge(error.mostBytes);
  if (error instanceof AccountFull) {
    const message = `the files of this account may come to ${error.mostBytes} bytes; delete some that are done with`;
    return new ApiError(413, 'invalid_request_error', message, { code: 'file_storage_full', param: 'file' });
  }
  if (error instanceof FolderFailure) {
    logger.error({ error: error.code }, 'a file could not be written; is there room in gateway.files.folder?');
    const message = 'the gateway cannot store files at the moment; its operator must see to that';
    return new ApiError(507, 'api_error', message, { code: 'file_storage_unavailable' });
  }
  return error;
}

export function fileTooLarge(mostBytes: number): ApiError {
  const message = `the file is too large: ${mostBytes} bytes at the most`;
  return new ApiError(413, 'invalid_request_error', message, { code: 'file_too_large', param: 'file' });
}
