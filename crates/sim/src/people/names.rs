//! The stock of names: common Vietnamese, Khmer and Hoa ones, combined at random.

/// A family's name and its ethnic group's code (01 Kinh, 04 Hoa, 05 Khơ-me), with weights.
pub(super) const LINEAGES: &[((&str, &str), u32)] = &[
    (("Nguyễn", "01"), 330),
    (("Trần", "01"), 100),
    (("Lê", "01"), 85),
    (("Phạm", "01"), 60),
    (("Huỳnh", "01"), 45),
    (("Phan", "01"), 40),
    (("Võ", "01"), 40),
    (("Đặng", "01"), 25),
    (("Bùi", "01"), 20),
    (("Đỗ", "01"), 18),
    (("Hồ", "01"), 16),
    (("Ngô", "01"), 15),
    (("Dương", "01"), 15),
    (("Trương", "01"), 14),
    (("Đoàn", "01"), 10),
    (("Đinh", "01"), 8),
    (("Lương", "01"), 7),
    (("Mai", "01"), 6),
    (("Cao", "01"), 6),
    (("Tô", "01"), 4),
    (("Lưu", "01"), 4),
    (("Hà", "01"), 4),
    (("Quách", "04"), 6),
    (("Tăng", "04"), 6),
    (("Lý", "04"), 8),
    (("Thạch", "05"), 30),
    (("Kim", "05"), 24),
    (("Sơn", "05"), 24),
    (("Danh", "05"), 8),
    (("Kiên", "05"), 10),
];

/// Middle names of men.
pub(super) const MIDDLE_MALE: &[&str] = &[
    "Văn", "Văn", "Hữu", "Minh", "Quốc", "Thanh", "Đức", "Công", "Trọng", "Hoàng", "Phước",
    "Thành", "Ngọc",
];

/// Middle names of women.
pub(super) const MIDDLE_FEMALE: &[&str] = &[
    "Thị",
    "Thị",
    "Thị Kim",
    "Thị Mỹ",
    "Thị Ngọc",
    "Thị Thanh",
    "Thị Hồng",
    "Ngọc",
    "Bích",
    "Huỳnh",
    "Thúy",
];

/// Given names of men.
pub(super) const GIVEN_MALE: &[&str] = &[
    "An", "Bình", "Cường", "Dũng", "Đạt", "Đông", "Hải", "Hiếu", "Hòa", "Hùng", "Khánh", "Khoa",
    "Kiệt", "Lâm", "Lộc", "Long", "Nam", "Nghĩa", "Nhân", "Phong", "Phúc", "Quân", "Quý", "Sang",
    "Sơn", "Tài", "Tâm", "Thắng", "Thiện", "Tín", "Toàn", "Trí", "Trung", "Tuấn", "Vinh", "Vũ",
];

/// Given names of women.
pub(super) const GIVEN_FEMALE: &[&str] = &[
    "Ánh",
    "Châu",
    "Chi",
    "Diễm",
    "Dung",
    "Duyên",
    "Giang",
    "Hà",
    "Hạnh",
    "Hiền",
    "Hoa",
    "Hương",
    "Huyền",
    "Lan",
    "Liên",
    "Linh",
    "Loan",
    "Mai",
    "My",
    "Nga",
    "Ngân",
    "Nguyệt",
    "Nhi",
    "Như",
    "Oanh",
    "Phượng",
    "Quyên",
    "Tâm",
    "Thảo",
    "Thu",
    "Thủy",
    "Tiên",
    "Trang",
    "Trinh",
    "Tuyết",
    "Uyên",
    "Vân",
    "Yến",
];

/// Streets named after figures of history, as nearly every town has them.
pub(super) const STREETS: &[&str] = &[
    "Hùng Vương",
    "Lê Lợi",
    "Nguyễn Huệ",
    "Phạm Hùng",
    "Trần Hưng Đạo",
    "Võ Thị Sáu",
    "Lý Thường Kiệt",
];
