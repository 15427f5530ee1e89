using Caraway.Platform.Hosting;

namespace Caraway.Bench;

/// <summary>Support cases with the texts of the determinations in samples/. A fifth of them belongs to one busy owner.</summary>
internal static class SupportCases
{
    public static async Task LoadSentences(BenchDatabase database, CancellationToken cancel)
    {
        await database.Execute("create schema bench; create table bench.sentences (n serial primary key, text text not null)", cancel);
        await using var connection = await database.Source.OpenConnectionAsync(cancel);
        await using var copy = await connection.BeginBinaryImportAsync("copy bench.sentences (text) from stdin (format binary)", cancel);
        foreach (var line in File.ReadLines(Path.Combine(Checkout(), "samples", "imr-determinations.csv")).Skip(1))
        {
            var fields = line.Split(';');
            await copy.StartRowAsync(cancel);
            await copy.WriteAsync($"{fields[2]}, {fields[3]}: {fields[4]}, {fields[5]}. {fields[6]}. {fields[7]}.", cancel);
        }

        await copy.CompleteAsync(cancel);
    }

    public static Task Fill(BenchDatabase database, int count, CancellationToken cancel) => database.Execute(
        $"""
        truncate support.cases cascade;
        insert into support.cases
            (id, owner, readers, title, description, status, severity, category, metadata, tags, created_at, updated_at)
        select n * 281000000::bigint, o.owner, array[o.owner], 'Case ' || n,
            s.text || ' Request ' || to_hex(n * 7919) || case when n % ({count} / 20) = 3 then ' The bottle held ambergris.' else '' end,
            'active', 'medium', 'other', '{"{}"}', array['tag' || n % 500], t.t, t.t
        from generate_series(0, {count - 1}) n
        join bench.sentences s on s.n = 1 + n % (select count(*) from bench.sentences),
        lateral (select case when n % 5 = 0 then 'gateway:busy' else 'gateway:user' || n % 20000 end as owner) o,
        lateral (select '2026-01-01Z'::timestamptz - ({count} - n) * interval '20 seconds' as t) t
        """,
        cancel);

    /// <exception cref="CommandException">The bench does not run in a checkout.</exception>
    private static string Checkout()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Caraway.slnx")))
                return folder.FullName;
        }

        throw new CommandException(ExitCode.Failed, "The bench needs the file samples/imr-determinations.csv of the checkout.");
    }
}
