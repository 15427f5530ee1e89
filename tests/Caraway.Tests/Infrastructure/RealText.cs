using System.Globalization;
using Bogus.DataSets;

namespace Caraway.Tests.Infrastructure;

/// <summary>
/// Names and texts as people write them, the same at each run: given and family names of fourteen countries (Bogus), and sentences of the
/// determinations in samples/.
/// </summary>
internal sealed class RealText
{
    private const int Draws = 20_000;

    private static readonly string[] Countries =
        ["en", "en", "en", "de", "fr", "es", "it", "pl", "cz", "tr", "ro", "sk", "hr", "sv", "nb_NO", "pt_PT", "nl"];

    private static readonly string[] Things =
    [
        "upload", "login", "calendar", "invoice", "report", "export", "search page", "kafka consumer", "nightly backup", "database pool",
        "mail gateway", "printer", "scanner", "certificate", "load balancer", "timeline", "reminder", "password reset", "webhook", "cache",
        "replica", "message queue", "billing job", "document viewer", "mobile app", "signature pad", "fax bridge", "patient portal",
    ];

    private static readonly string[] Troubles =
    [
        "stops at 99 percent", "answers with an error 500", "is very slow since Monday", "shows the wrong time zone", "loses its settings",
        "cannot be opened any more", "times out after thirty seconds", "asks for the password again and again", "sends every message twice",
        "is not reachable from the clinic", "has no free connections", "prints empty pages", "forgets the last change",
        "crashes on large documents", "refuses umlauts in names", "does not start after the update", "uses all of the memory",
    ];

    private static readonly string[] Tags =
        ["kafka", "upload", "login", "urgent", "billing", "printer", "network", "mobile", "backup", "calendar", "mail", "clinic-north"];

    private readonly Random random;
    private readonly (string[] Given, string[] Family)[] names;
    private readonly string[] sentences;

    public RealText(int seed)
    {
        random = new Random(seed);
        names = [.. Countries.Select(country => NamesOf(country))];
        sentences = [.. File.ReadLines(Path.Combine(Checkout.Root, "samples", "imr-determinations.csv")).Skip(1).Select(SentenceOf)];
    }

    public string Name()
    {
        var (given, family) = names[random.Next(names.Length)];
        return $"{given[Skewed(given.Length)]} {family[Skewed(family.Length)]}";
    }

    /// <summary>Two to four sentences, and the reference of another case.</summary>
    public string Narrative()
    {
        var parts = Enumerable.Range(0, random.Next(2, 5)).Select(_ => sentences[random.Next(sentences.Length)]);
        return string.Join(' ', parts) + $" See MN{random.Next(10, 26)}-{random.Next(10_000, 30_000)}.";
    }

    public string Note() => random.Next(2) == 0
        ? $"The {Pick(Things)} {Pick(Troubles)}; the plan promised an answer by Friday."
        : $"{Name()} called about the appeal. {sentences[random.Next(sentences.Length)]}";

    public string Title() => $"The {Pick(Things)} {Pick(Troubles)}";

    public string Description() =>
        $"{Name()} says that the {Pick(Things)} {Pick(Troubles)}. {sentences[random.Next(sentences.Length)]} "
        + $"It happened {random.Next(2, 40)} times, first on request {random.Next():x8}.";

    public string[] TagList() => [.. Enumerable.Range(0, random.Next(4)).Select(_ => Pick(Tags)).Distinct(StringComparer.Ordinal)];

    public string Reason() => $"{Pick(Reasons)} {Pick(Organs)}";

    public string Pick(string[] words) => words[random.Next(words.Length)];

    public int Next(int below) => random.Next(below);

    private static readonly string[] Reasons =
        ["First consultation about the", "Check of the", "Pain in the", "Results of the scan of the", "Surgery of the", "Follow-up on the"];

    private static readonly string[] Organs =
        ["kidney", "left knee", "right knee", "heart", "spine", "liver", "thyroid", "shoulder", "stomach", "hip", "hand", "skin"];

    /// <summary>Some names are much more common than others.</summary>
    private int Skewed(int length) => (int)(length * Math.Pow(random.NextDouble(), 2));

    private static (string[] Given, string[] Family) NamesOf(string country)
    {
        var source = new Name(country) { Random = new Bogus.Randomizer(1) };
        string[] Draw(Func<string> name) =>
            [.. Enumerable.Range(0, Draws).Select(_ => name()).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return (Draw(() => source.FirstName()), Draw(() => source.LastName()));
    }

    private static string SentenceOf(string row)
    {
        var fields = row.Split(';');
        string Or(int field, string absent) => fields[field] is { Length: > 0 } text ? text : absent;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"The health plan denied {Or(5, "a treatment")} ({Or(4, "no category")}) for {Or(3, "a diagnosis")} ({Or(2, "no category")}). "
            + $"Its ground was {Or(7, "unknown").ToLowerInvariant()}.");
    }
}
