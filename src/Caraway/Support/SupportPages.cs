using System.Globalization;
using Caraway.Platform.Http;

namespace Caraway.Support;

/// <summary>
/// The sizes of this API's pages: <c>DEFAULT_PAGE_SIZE</c> (50 when it is not set) and <c>MAX_PAGE_SIZE</c>. A number out of range is
/// refused, as clients of the earlier API expect.
/// </summary>
internal sealed class SupportPages(PageSizes sizes, IConfiguration configuration)
{
    private const int UsualDefault = 50;

    private readonly int defaultSize =
        configuration["Pages:DefaultSize"] is null ? Math.Min(UsualDefault, sizes.MaxSize) : sizes.DefaultSize;

    /// <summary>For a size that is checked already.</summary>
    internal static PageSizes Any { get; } = new() { DefaultSize = 500, MaxSize = 500 };

    /// <returns>The refusal, or null when both numbers are good.</returns>
    public Refusal? Read(string? page, string? pageSize, out long number, out int size)
    {
        size = 0;
        if (!TryRead(page, 1, int.MaxValue, out number))
            return Refusal.InvalidQuery("page", "The page must be a whole number from 1.");
        if (!TryRead(pageSize, defaultSize, sizes.MaxSize, out var rows))
            return Refusal.InvalidQuery("page_size", $"The page_size must be a whole number from 1 to {sizes.MaxSize}.");
        size = (int)rows;
        return null;
    }

    private static bool TryRead(string? text, long absent, long most, out long number)
    {
        number = absent;
        return string.IsNullOrEmpty(text)
            || (!text.Contains('\0', StringComparison.Ordinal)
                && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number)
                && number >= 1 && number <= most);
    }
}
