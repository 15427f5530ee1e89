using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Postgres;

/// <summary>The folders of an embedded cluster and its user. The first process decides them, and all others find the same.</summary>
internal sealed class PostgresPlace
{
    // sun_path holds 108 bytes, the last of them zero; PostgreSQL adds "/.s.PGSQL.5432.lock".
    private const int LongestSocketFolder = 107 - 19;

    private PostgresPlace(string dataFolder, OsUser account)
    {
        DataFolder = dataFolder;
        OsUser = account;
        // In the setting of PostgreSQL a comma separates folders, and in that of the driver hosts. Quotes and backslashes are special too.
        var fits = Encoding.UTF8.GetByteCount(dataFolder) <= LongestSocketFolder && dataFolder.AsSpan().IndexOfAny(",\"\\") < 0;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(dataFolder)));
        SocketFolder = fits ? dataFolder : Path.Combine(Path.GetTempPath(), "caraway-" + hash[..16]);
    }

    /// <summary>The data folder itself. <see cref="PrivateFolder.DataFolder"/> can be a link to it.</summary>
    public string DataFolder { get; }

    public OsUser OsUser { get; }

    /// <summary>The data folder, which only its owner may enter. A private temporary folder when that path cannot hold a socket.</summary>
    public string SocketFolder { get; }

    public string StartLock => NextToData("pg.lock");

    public string UseLock => NextToData("pg.users");

    public string PidFile => Path.Combine(DataFolder, "postmaster.pid");

    /// <summary>
    /// The place is in the private folder. When root runs the program and the other user cannot enter the checkout, the place is under
    /// <c>/var/lib/caraway</c>, with a link in the private folder.
    /// </summary>
    /// <exception cref="CommandException">The place belongs to another checkout or another user.</exception>
    public static async Task<PostgresPlace> Find(PrivateFolder folder)
    {
        folder.Create();
        using var alone = await FileLock.Wait(folder.FileIn("place.lock"), FileShare.None, CancellationToken.None);
        var link = new DirectoryInfo(folder.DataFolder);
        if (link.LinkTarget is { } target)
        {
            CheckOwner(folder, target);
            return new PostgresPlace(target, await OsUser.Choose(target));
        }

        // The path without links, as the server itself names it.
        var real = await ChildProcess.Run("realpath", [folder.State], new ChildProcess.Options());
        var dataFolder = real.ExitCode == 0 ? Path.Combine(real.Output.TrimEnd('\n'), "pg") : folder.DataFolder;
        var account = await OsUser.Choose(dataFolder);
        if (link.Exists || await account.CanEnter(folder.State))
            return new PostgresPlace(dataFolder, account);

        // A random name: a later checkout at the same path must not find these data.
        var elsewhere = Path.Combine(OsUser.CommonFolder, RandomNumberGenerator.GetHexString(16, lowercase: true), "pg");
        Directory.CreateDirectory(Path.GetDirectoryName(elsewhere)!);
        await File.WriteAllTextAsync(OwnerFile(elsewhere), folder.Root);
        File.CreateSymbolicLink(folder.DataFolder, elsewhere);
        return new PostgresPlace(elsewhere, account);
    }

    /// <summary>The major version that made the data. Null when there are no data yet.</summary>
    public int? ReadVersion()
    {
        var file = Path.Combine(DataFolder, "PG_VERSION");
        if (!File.Exists(file))
            return null;
        return int.TryParse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture, out var version)
            ? version
            : throw new CommandException(ExitCode.Database, $"{file} does not name a version of PostgreSQL that Caraway can use.");
    }

    /// <summary>Whether the process that <c>postmaster.pid</c> names is a PostgreSQL that works in this folder.</summary>
    public bool IsAlive()
    {
        try
        {
            var pid = File.ReadLines(PidFile).First();
            return File.ReadAllText($"/proc/{pid}/comm").Trim() == "postgres"
                && new DirectoryInfo($"/proc/{pid}/cwd").ResolveLinkTarget(returnFinalTarget: false)?.FullName == DataFolder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>
    /// Makes the temporary folder of a socket that cannot be in the data folder. An existing one must belong to the user alone.
    /// </summary>
    public async Task PrepareSocketFolder()
    {
        if (SocketFolder == DataFolder)
            return;
        if (Encoding.UTF8.GetByteCount(SocketFolder) > LongestSocketFolder)
        {
            throw new CommandException(
                ExitCode.Database, $"The path {SocketFolder} is too long for a unix socket. Set TMPDIR to a shorter one.");
        }

        const UnixFileMode ours = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (!Path.Exists(SocketFolder))
        {
            Directory.CreateDirectory(SocketFolder, ours);
            await OsUser.Own(SocketFolder);
        }

        // The name can be guessed, so another user may have made the folder first.
        var folder = new DirectoryInfo(SocketFolder);
        if (folder.LinkTarget is not null || folder.UnixFileMode != ours || await OsUser.OwnerOf(SocketFolder) != OsUser.Name)
            throw new CommandException(ExitCode.Database, $"{SocketFolder} is not a private folder of the user {OsUser.Name}. Remove it.");
    }

    private static void CheckOwner(PrivateFolder folder, string target)
    {
        var file = OwnerFile(target);
        var owner = File.Exists(file) ? File.ReadAllText(file) : null;
        if (owner != folder.Root)
        {
            throw new CommandException(
                ExitCode.Database,
                owner is null
                    ? $"{folder.DataFolder} leads to {target}, which Caraway did not make or which was deleted. "
                        + "Remove the link to start with a new database."
                    : $"{folder.DataFolder} leads to the database of the checkout {owner}. If this is a copy of it, remove the link. "
                        + $"If that checkout was moved here, write the new path into {file}.");
        }
    }

    private static string OwnerFile(string dataFolder) => Path.Combine(Path.GetDirectoryName(dataFolder)!, "checkout");

    private string NextToData(string name) => Path.Combine(Path.GetDirectoryName(DataFolder)!, name);
}
