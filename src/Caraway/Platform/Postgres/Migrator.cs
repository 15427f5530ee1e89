using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Caraway.Platform.Hosting;
using Dapper;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>
/// A numbered change of the schema, with the way back. When the first line is <c>-- backward-compatible</c>, older programs run with it.
/// </summary>
internal sealed record Migration(int Number, string Name, string Up, string Down)
{
    public const string CompatibleMark = "-- backward-compatible";

    public bool IsBackwardCompatible => Up.StartsWith(CompatibleMark, StringComparison.Ordinal);

    /// <summary>SHA-256 of the way up, in lower-case hex.</summary>
    public string Checksum => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Up)));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number:0000}_{Name}");
}

/// <summary>The database's record of one migration.</summary>
internal sealed record AppliedMigration(int Number, string Name, string Checksum, bool IsBackwardCompatible, DateTime AppliedAt)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number:0000}_{Name}");
}

/// <summary>
/// Applies migrations and takes them back. Each migration is a transaction of its own that first takes a lock and reads the state again.
/// Several runners at the same time therefore do the work of one, and a kill leaves only whole migrations.
/// </summary>
internal sealed partial class Migrator(NpgsqlDataSource source, IReadOnlyList<Migration> known)
{
    // Held until the end of the transaction, so that it also works behind a transaction pooler.
    private const string Lock = "select pg_advisory_xact_lock(hashtext('caraway.migrations'))";

    private const string Prepare = """
        create schema if not exists platform;
        create table if not exists platform.migrations (
            number integer primary key,
            name text not null,
            checksum text not null,
            is_backward_compatible boolean not null,
            applied_at timestamptz not null
        );

        """ + GivenIds.Table;

    private const string Applied =
        "select number, name, checksum, is_backward_compatible, applied_at from platform.migrations order by number";

    public static IReadOnlyList<Migration> Embedded { get; } = ReadEmbedded(typeof(Migrator).Assembly);

    [GeneratedRegex(@"^(?<number>\d{4})_(?<name>[a-z0-9_]+)\.up\.sql$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex UpFile { get; }

    /// <summary>The applied migrations, in order. A new database has none.</summary>
    public async Task<IReadOnlyList<AppliedMigration>> Status(CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        return await ReadApplied(connection, cancel);
    }

    /// <summary>The reasons why this program must not run on this database, as sentences. Empty when it may.</summary>
    public static IReadOnlyList<string> Misfits(IReadOnlyList<Migration> known, IReadOnlyList<AppliedMigration> applied)
    {
        var sentences = new List<string>(Changes(known, applied));
        sentences.AddRange(known.Where(m => applied.All(a => a.Number != m.Number))
            .Select(m => $"Migration {m} has not been applied. Run: ./caraway migrate up"));
        return sentences;
    }

    /// <summary>Stops the program when the schema does not fit it.</summary>
    /// <exception cref="CommandException">The message has every reason.</exception>
    public async Task Check(CancellationToken cancel)
    {
        var misfits = Misfits(known, await Status(cancel));
        if (misfits.Count > 0)
            throw new CommandException(ExitCode.Database, string.Join(Environment.NewLine, misfits));
    }

    /// <summary>Applies the missing migrations, in order.</summary>
    /// <returns>The migrations that this call applied.</returns>
    public async Task<IReadOnlyList<Migration>> Up(DateTimeOffset now, CancellationToken cancel)
    {
        var done = new List<Migration>();
        if (Misfits(known, await Status(cancel)).Count == 0)
            return done;
        foreach (var migration in known)
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            await connection.ExecuteAsync(new CommandDefinition(Lock, commandTimeout: 0, cancellationToken: cancel));
            await connection.ExecuteAsync(new CommandDefinition(Prepare, cancellationToken: cancel));
            var applied = await ReadApplied(connection, cancel);
            if (Changes(known, applied) is { Count: > 0 } changes)
                throw new CommandException(ExitCode.Database, string.Join(Environment.NewLine, changes));
            if (applied.Any(a => a.Number == migration.Number))
                continue;
            await GivenIds.Keep(connection, () => Run(connection, migration.ToString(), migration.Up, cancel), cancel);
            await connection.ExecuteAsync(new CommandDefinition(
                "insert into platform.migrations values (@Number, @Name, @Checksum, @IsBackwardCompatible, @now)",
                new { migration.Number, migration.Name, migration.Checksum, migration.IsBackwardCompatible, now = now.UtcDateTime },
                cancellationToken: cancel));
            await transaction.CommitAsync(cancel);
            done.Add(migration);
        }

        return done;
    }

    /// <summary>Takes back every migration above <paramref name="target"/>, newest first. Their data is deleted.</summary>
    /// <returns>The migrations that this call took back.</returns>
    public async Task<IReadOnlyList<Migration>> Down(int target, CancellationToken cancel)
    {
        var done = new List<Migration>();
        while (true)
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            await connection.ExecuteAsync(new CommandDefinition(Lock, commandTimeout: 0, cancellationToken: cancel));
            var last = (await ReadApplied(connection, cancel)).LastOrDefault();
            if (last is null || last.Number <= target)
                return done;
            var migration = known.FirstOrDefault(m => m.Number == last.Number)
                ?? throw new CommandException(
                    ExitCode.Database,
                    $"Migration {last} is newer than this program, which does not know the way back. Use the program that applied it.");
            if (Changes(known, [last]) is { Count: > 0 } changes)
                throw new CommandException(ExitCode.Database, string.Join(Environment.NewLine, changes));
            // A database that an earlier program migrated lacks the table of given ids.
            await connection.ExecuteAsync(new CommandDefinition(GivenIds.Table, cancellationToken: cancel));
            await GivenIds.Keep(connection, () => Run(connection, migration.ToString(), migration.Down, cancel), cancel);
            await connection.ExecuteAsync(new CommandDefinition(
                "delete from platform.migrations where number = @Number", new { migration.Number }, cancellationToken: cancel));
            await transaction.CommitAsync(cancel);
            done.Add(migration);
        }
    }

    private static List<string> Changes(IReadOnlyList<Migration> known, IReadOnlyList<AppliedMigration> applied)
    {
        var sentences = new List<string>();
        foreach (var row in applied)
        {
            var file = known.FirstOrDefault(m => m.Number == row.Number);
            if (file is null && (!row.IsBackwardCompatible || row.Number < known.Select(m => m.Number).DefaultIfEmpty(0).Max()))
            {
                sentences.Add(
                    $"The database has migration {row}, which this program does not know and which is not marked backward-compatible. "
                    + "Use a newer program.");
            }
            else if (file is not null && (file.Checksum != row.Checksum || file.Name != row.Name))
                sentences.Add($"Migration {row} was changed after it had been applied. Restore its file, and write a new migration.");
        }

        return sentences;
    }

    private static async Task Run(NpgsqlConnection connection, string name, string sql, CancellationToken cancel)
    {
        try
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancel);
        }
        catch (PostgresException e)
        {
            throw new CommandException(ExitCode.Database, $"Migration {name} failed, and nothing of it was kept: {e.MessageText}", e);
        }
    }

    private static async Task<IReadOnlyList<AppliedMigration>> ReadApplied(NpgsqlConnection connection, CancellationToken cancel)
    {
        var exists = await connection.ExecuteScalarAsync<bool>(
            new CommandDefinition("select to_regclass('platform.migrations') is not null", cancellationToken: cancel));
        if (!exists)
            return [];
        return (await connection.QueryAsync<AppliedMigration>(new CommandDefinition(Applied, cancellationToken: cancel))).AsList();
    }

    private static List<Migration> ReadEmbedded(Assembly assembly)
    {
        var migrations = new List<Migration>();
        foreach (var file in assembly.GetManifestResourceNames().Order(StringComparer.Ordinal))
        {
            if (UpFile.Match(file) is not { Success: true } match)
                continue;
            migrations.Add(new Migration(
                int.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture),
                match.Groups["name"].Value,
                Read(assembly, file),
                Read(assembly, file.Replace(".up.sql", ".down.sql", StringComparison.Ordinal))));
        }

        return migrations;
    }

    private static string Read(Assembly assembly, string file)
    {
        using var stream = assembly.GetManifestResourceStream(file)
            ?? throw new InvalidOperationException($"The migration {file} is missing.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
