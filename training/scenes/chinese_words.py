"""The words and sentences of Chinese descriptions, for ``chinese.py``."""

from __future__ import annotations

Words = dict[str, tuple[str, ...]]

SHAPES: Words = {
    "circle": ("圆形", "圆圈", "圆", "圆点", "球"),
    "square": ("方形", "正方形", "方块"),
    "triangle": ("三角形", "三角"),
    "diamond": ("菱形", "菱形块"),
    "star": ("星形", "五角星", "星星", "星"),
    "heart": ("心形", "爱心", "红心", "心"),
    "cross": ("十字", "十字形", "加号", "十字架"),
    "ring": ("圆环", "环形", "圈圈", "空心圆"),
    "crescent": ("月牙形", "新月形", "月牙", "弯月"),
}
COLOURS: Words = {
    "red": ("红色", "红", "大红色", "鲜红色"),
    "orange": ("橙色", "橘色", "橙"),
    "yellow": ("黄色", "黄", "金色", "金黄色"),
    "green": ("绿色", "绿", "深绿色"),
    "cyan": ("青色", "青", "青绿色"),
    "blue": ("蓝色", "蓝", "深蓝色"),
    "purple": ("紫色", "紫", "紫罗兰色"),
    "pink": ("粉色", "粉红色", "粉", "桃红色"),
    "black": ("黑色", "黑", "纯黑色"),
    "white": ("白色", "白", "纯白色"),
}
GROUNDS: Words = {
    "white": ("白色", "白", "纯白色"),
    "black": ("黑色", "黑", "纯黑色"),
    "gray": ("灰色", "灰", "银灰色"),
    "blue": ("蓝色", "浅蓝色", "淡蓝色", "天蓝色"),
    "green": ("绿色", "浅绿色", "淡绿色"),
    "yellow": ("黄色", "浅黄色", "淡黄色", "米黄色"),
    "pink": ("粉色", "浅粉色", "淡粉色", "粉红色"),
}
SIZES: Words = {
    "small": ("小", "小小", "很小", "小号", "迷你"),
    "medium": ("中等", "中等大小", "中号", "不大不小"),
    "large": ("大", "很大", "大大", "大号"),
    "huge": ("巨大", "超大", "特大", "非常大", "极大"),
}
POSITIONS: Words = {
    "top left": ("左上角", "左上方", "左上"),
    "top": ("上方", "上面", "顶部", "上边", "正上方"),
    "top right": ("右上角", "右上方", "右上"),
    "left": ("左边", "左侧", "左面", "左方"),
    "center": ("中间", "中央", "中心", "正中间", "正中央"),
    "right": ("右边", "右侧", "右面", "右方"),
    "bottom left": ("左下角", "左下方", "左下"),
    "bottom": ("下方", "下面", "底部", "下边", "正下方"),
    "bottom right": ("右下角", "右下方", "右下"),
}
PATTERNS: Words = {"striped": ("条纹",), "dotted": ("圆点", "波点"), "checkered": ("格子",)}
STYLES: Words = {
    "noto": ("立体风格",),
    "fluent": ("柔和风格",),
    "twemoji": ("扁平风格",),
}
COUNTS = {2: ("两", "2", "二"), 3: ("三", "3"), 4: ("四", "4")}
MEASURES = tuple("个只颗朵辆条张本块棵架艘把座枚")

# What is said of a noun, when not before it.
AFTER_NOUN: dict[tuple[bool, bool], tuple[str, ...]] = {
    (True, True): (  # size and colour
        "{noun}，{colour}，{size}",
        "{noun}，{size}，{colour}的",
        "{size}的{noun}，颜色是{colour}",
        "{colour}的{noun}，大小是{size}",
        "{noun}，颜色是{colour}，大小是{size}",
    ),
    (False, True): ("{noun}，颜色是{colour}", "{noun}，{colour}的"),
    (True, False): ("{noun}，大小是{size}", "{noun}，{size}的"),
}
FILLING = ("{}的特写", "特写，{}", "{}占满画面", "占满画面的{}", "近看{}", "满屏的{}")
PLACED = (
    "{noun}在{place}",
    "{noun}位于{place}",
    "{noun}处于{place}",
    "{noun}，位于{place}",
    "{noun}在画面{place}",
    "{noun}在图片的{place}",
    "{noun}，在{place}",
    "{noun}放在{place}",
)
PLACE_FIRST = (
    "{place}有{noun}",
    "在{place}有{noun}",
    "{place}是{noun}",
    "画面{place}有{noun}",
    "{place}的{noun}",
    "在{place}的{noun}",
    "位于{place}的{noun}",
    "{place}，{noun}",
)
GROUNDS_APART = (
    "{}背景",
    "{}的背景",
    "背景是{}",
    "背景是{}的",
    "背景为{}",
    "{}底",
    "底色是{}",
    "背景{}",
    "用{}背景",
)
ON_GROUND = (
    "{ground}背景上有{things}",
    "{ground}背景上{things}",
    "在{ground}背景上，{things}",
    "{ground}的背景上有{things}",
    "{ground}背景上的{things}",
    "{ground}背景中有{things}",
)
FRAMES = (
    "画{}",
    "请画{}",
    "画一幅图，{}",
    "一张图片，{}",
    "图里有{}",
    "我要{}",
    "生成{}",
    "一张{}的图片",
    "一幅{}的画",
    "请画一张图：{}",
    "帮我画{}",
    "给我画{}",
    "请生成一张{}的图",
    "来{}",
    "画面中有{}",
    "这是{}",
    "我想要{}",
    "画出{}",
)
