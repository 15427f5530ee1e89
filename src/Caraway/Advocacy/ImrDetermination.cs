namespace Caraway.Advocacy;

/// <summary>
/// A row of the Independent Medical Review determinations of California's Department of Managed Health Care (samples/README.md): the
/// denial of a treatment by a health plan, and the decision of the independent review.
/// </summary>
internal static class ImrDetermination
{
    /// <summary>The columns of the source, in its order. A file that has all of them is a file of determinations.</summary>
    public static readonly string[] Columns =
    [
        "Reference ID", "Report Year", "Diagnosis Category", "Diagnosis Sub Category", "Treatment Category", "Treatment Sub Category",
        "Determination", "Type", "Age Range", "Patient Gender",
    ];

    private const string Overturned = "Overturned Decision of Health Plan";
    private const string Upheld = "Upheld Decision of Health Plan";

    /// <summary>Makes an intake of a row. The source does not name people, so the applicant's name is the reference.</summary>
    /// <param name="value">Gives the row's value of a column.</param>
    /// <returns>The intake, or a sentence for each value that cannot be used.</returns>
    public static (ImportIntakes.Intake? Intake, IReadOnlyList<string> Faults) Read(Func<string, string> value)
    {
        var faults = new List<string>();
        foreach (var column in new[] { "Reference ID", "Report Year" })
        {
            if (string.IsNullOrWhiteSpace(value(column)))
                faults.Add($"{column} is empty.");
        }

        var determination = value("Determination");
        if (determination is not (Overturned or Upheld))
            faults.Add($"Determination must be \"{Overturned}\" or \"{Upheld}\".");
        if (Ground(value("Type")) is not { } ground)
            faults.Add("Type must be \"Medical Necessity\", \"Experimental/Investigational\" or \"Urgent Care\".");
        else if (faults.Count == 0)
            return (CreateIntake(value, ground, determination), faults);
        return (null, faults);
    }

    private static ImportIntakes.Intake CreateIntake(Func<string, string> value, string ground, string determination)
    {
        var reference = value("Reference ID");
        var narrative = $"The health plan denied {Treatment(value)} for {Diagnosis(value)}. {ground} "
            + $"{Person(value("Age Range"), value("Patient Gender"))} "
            + $"The independent medical review was reported in {value("Report Year")}.";
        return new ImportIntakes.Intake(
            new SubmitIntake.Request { FullName = "IMR enrollee " + reference, Narrative = narrative, ExternalReference = reference },
            determination == Overturned ? CaseStatus.Approved : CaseStatus.Denied,
            determination);
    }

    private static string Treatment(Func<string, string> value) =>
        Name(value("Treatment Sub Category"), value("Treatment Category")) ?? "a treatment that the source does not name";

    private static string Diagnosis(Func<string, string> value) =>
        Name(value("Diagnosis Sub Category"), value("Diagnosis Category")) is { } name
            ? $"the diagnosis {name}"
            : "a diagnosis that the source does not name";

    /// <summary>Hundreds of the source's rows lack one of the two, and some lack both.</summary>
    private static string? Name(string part, string whole) => (string.IsNullOrWhiteSpace(part), string.IsNullOrWhiteSpace(whole)) switch
    {
        (true, true) => null,
        (true, false) => whole,
        (false, true) => part,
        _ => $"{part} ({whole})",
    };

    private static string? Ground(string type) => type switch
    {
        "Medical Necessity" => "Its ground was that the treatment is not medically necessary.",
        "Experimental/Investigational" => "Its ground was that the treatment is experimental or investigational.",
        "Urgent Care" => "Its ground was that the care was not urgent or an emergency.",
        _ => null,
    };

    private static string Person(string age, string gender)
    {
        var years = age.Trim() switch
        {
            "" => null,
            "65+" => "65 years or older",
            // The source spells one of its ranges 11_20.
            var range => range.Replace('_', '-') + " years old",
        };
        return (years, gender.Trim().ToLowerInvariant()) switch
        {
            (null, "") => "The enrollee's age range and gender are not known.",
            (null, var known) => $"The enrollee is {known}; the age range is not known.",
            (_, "") => $"The enrollee is {years}; the gender is not known.",
            (_, var known) => $"The enrollee is {known} and {years}.",
        };
    }
}
