using System.Security.Cryptography;
using System.Text;

namespace Caraway.Platform.Hosting;

/// <summary>
/// The folder with the keys, and with the database when it is embedded: <c>.caraway/</c> in the checkout (<c>CARAWAY_HOME</c>, which the
/// launcher sets), else in the working folder.
/// </summary>
internal sealed class PrivateFolder
{
    public PrivateFolder(string root)
    {
        Root = Path.GetFullPath(root);
        State = Path.Combine(Root, ".caraway");
    }

    /// <summary>The checkout, or the working folder.</summary>
    public string Root { get; }

    /// <summary>The private folder. Other users may pass through it, as the user of the database must. Its secrets have mode 600.</summary>
    public string State { get; }

    /// <summary>The data folder of the embedded database. A symbolic link when the data has to be in another place.</summary>
    public string DataFolder => Path.Combine(State, "pg");

    /// <summary>The checkout that the program was built in, or null when it runs outside of one.</summary>
    public static string? Checkout { get; } = FindCheckout(AppContext.BaseDirectory);

    public static PrivateFolder Find() =>
        new(Environment.GetEnvironmentVariable("CARAWAY_HOME") is { Length: > 0 } root ? root : Directory.GetCurrentDirectory());

    public string FileIn(string name) => Path.Combine(State, name);

    /// <summary>Makes the private folder.</summary>
    public void Create()
    {
        try
        {
            Directory.CreateDirectory(State);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new CommandException(
                ExitCode.BadInput,
                $"Caraway keeps its database and keys in {State}, but may not write there. "
                + "Run it from a folder of your own, or set CARAWAY_HOME.",
                e);
        }
    }

    /// <summary>Reads a secret of this folder. Without one, makes it of 32 random bytes in hex, in a file of mode 600.</summary>
    public string ReadOrCreateSecret(string name)
    {
        Create();
        var path = FileIn(name);
        if (Read(path) is { } existing)
            return existing;

        // The lock makes two starts at the same time agree on one secret. The file is written under another name and moved, so that a kill
        // never leaves a part of it.
        using var alone = FileLock.Wait(FileIn("secrets.lock"), FileShare.None, CancellationToken.None).GetAwaiter().GetResult();
        if (Read(path) is { } others)
            return others;
        var secret = RandomNumberGenerator.GetHexString(64, lowercase: true);
        var draft = path + ".new";
        File.Delete(draft);
        using (var file = new FileStream(draft, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(Encoding.ASCII.GetBytes(secret));
            file.Flush(flushToDisk: true);
        }

        File.Move(draft, path, overwrite: true);
        return secret;
    }

    private static string? FindCheckout(string? folder) =>
        folder is null || File.Exists(Path.Combine(folder, "Caraway.slnx"))
            ? folder
            : FindCheckout(Path.GetDirectoryName(folder.TrimEnd('/')));

    /// <summary>Null for an empty file, which a full disk can leave.</summary>
    private static string? Read(string path) =>
        File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } secret ? secret : null;
}
