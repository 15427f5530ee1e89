using System.Globalization;

namespace Caraway.Platform.Http;

/// <summary>An id in a path that is text and not a number. The OpenAPI document shows it as a string.</summary>
internal interface ITextId;

/// <summary>
/// A row's id in a path: a positive 64-bit integer. Text that cannot be an id becomes <see cref="None"/>, which no row has, so that the
/// use case answers with its own 404.
/// </summary>
public readonly record struct RowId(long Value) : IParsable<RowId>
{
    public static readonly RowId None = new(0);

    public static bool TryParse(string? s, IFormatProvider? provider, out RowId result)
    {
        result = long.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? new RowId(value) : None;
        return true;
    }

    public static RowId Parse(string s, IFormatProvider? provider) => TryParse(s, provider, out var id) ? id : None;
}
