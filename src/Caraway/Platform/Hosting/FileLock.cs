namespace Caraway.Platform.Hosting;

/// <summary>
/// Advisory locks of the kernel on files of the private folder, between processes and between threads. The kernel releases a lock when its
/// process ends, also after a kill.
/// </summary>
internal static class FileLock
{
    /// <summary>EWOULDBLOCK: the error number when another process holds the lock.</summary>
    private const int WouldBlock = 11;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    /// <summary>Whether another process holds the lock. Otherwise the exception is about the disk, such as a full one.</summary>
    public static bool IsHeld(IOException e) => e.HResult == WouldBlock;

    /// <summary>Takes the lock or throws <see cref="IOException"/>; see <see cref="IsHeld"/>.</summary>
    /// <param name="share"><see cref="FileShare.None"/> for an exclusive lock, <see cref="FileShare.Read"/> for a shared one.</param>
    /// <remarks>Only the owner can open the file, so that no other user of the machine can hold the lock.</remarks>
    public static FileStream Take(string path, FileShare share) => new(path, new FileStreamOptions
    {
        Mode = FileMode.OpenOrCreate, Access = share == FileShare.None ? FileAccess.ReadWrite : FileAccess.Read, Share = share,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });

    /// <summary>Waits for the lock, for a minute at most.</summary>
    /// <exception cref="CommandException">Another process held it for longer.</exception>
    public static async Task<FileStream> Wait(string path, FileShare share, CancellationToken cancel)
    {
        for (var waited = TimeSpan.Zero; ; waited += Pause)
        {
            try
            {
                return Take(path, share);
            }
            catch (IOException e) when (IsHeld(e) && waited < TimeSpan.FromMinutes(1))
            {
                await Task.Delay(Pause, cancel);
            }
            catch (IOException e) when (IsHeld(e))
            {
                throw new CommandException(ExitCode.Busy, $"Another Caraway has held {path} for a minute.", e);
            }
        }
    }
}
